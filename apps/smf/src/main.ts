import { runService } from '@cpns/service';
import { compose } from './compose';
import { SETTINGS } from './config';

void runService({ name: 'smf', settings: SETTINGS, build: compose });
