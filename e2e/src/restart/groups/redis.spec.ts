import { startRedis } from '@cpns/store/testing';
import { groupRestartSuite } from './suite';

groupRestartSuite('redis', () => startRedis());
