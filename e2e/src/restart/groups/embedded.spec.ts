import { killSuite } from '../suite';
import { GROUP_FLOWS } from './group-flows';

killSuite(GROUP_FLOWS);
