import { groupRestartSuite } from './suite';

groupRestartSuite('embedded');
