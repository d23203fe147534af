import { bootstrap } from '@cpns/platform';
import { AppModule } from './app.module';
import { KmcConfig } from './config';

void bootstrap({ name: 'kmc', configClass: KmcConfig, module: AppModule });
