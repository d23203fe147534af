import { runService } from '@cpns/platform';
import { compose } from './compose';
import { SETTINGS } from './config';

void runService({ name: 'pn-gw', settings: SETTINGS, build: compose });
