import { startRedis } from '@cpns/store/testing';
import { membershipSuite } from './suite';

membershipSuite({ storeName: 'redis', rounds: 3, startRedis: () => startRedis() });
