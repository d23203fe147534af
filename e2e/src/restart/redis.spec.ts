import { startRedis } from '@cpns/store/testing';
import { KEY_FLOWS } from './key-flows';
import { killSuite } from './suite';

// the Server's store outlives the Server; what Redis itself loses is another matter
killSuite(KEY_FLOWS, startRedis);
