import { KEY_FLOWS } from './key-flows';
import { killSuite } from './suite';

killSuite(KEY_FLOWS);
