import { startRedis } from '@cpns/store/testing';
import { killSuite } from '../suite';
import { GROUP_FLOWS } from './group-flows';

killSuite(GROUP_FLOWS, startRedis);
