import { runService } from '@cpns/service';
import { compose } from './compose';
import { SETTINGS } from './config';

void runService({ name: 'kmc', settings: SETTINGS, build: compose });
