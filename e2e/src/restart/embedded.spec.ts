import { restartSuite } from './suite';

restartSuite('embedded');
