import { runService } from '@cpns/service';
import { compose } from './compose';
import { SETTINGS } from './config';

void runService({ name: 'pn-gw', settings: SETTINGS, build: compose });
