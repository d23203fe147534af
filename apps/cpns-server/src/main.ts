import { bootstrap } from '@cpns/platform';
import { AppModule } from './app.module';
import { ServerConfig } from './config';

void bootstrap({ name: 'cpns-server', configClass: ServerConfig, module: AppModule });
