import { bootstrap } from '@cpns/platform';
import { AppModule } from './app.module';
import { SmfConfig } from './config';

void bootstrap({ name: 'smf', configClass: SmfConfig, module: AppModule });
