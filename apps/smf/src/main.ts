import { runService } from '@cpns/platform';
import { compose } from './compose';
import { SETTINGS } from './config';

void runService({ name: 'smf', settings: SETTINGS, build: compose });
