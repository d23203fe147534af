import { startRedis } from '@cpns/store/testing';
import { restartSuite } from './suite';

// the Server's store outlives the Server; what Redis itself loses is another matter
restartSuite('redis', () => startRedis());
