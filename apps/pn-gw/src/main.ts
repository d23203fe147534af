import { bootstrap } from '@cpns/platform';
import { AppModule } from './app.module';
import { GatewayConfig } from './config';

void bootstrap({ name: 'pn-gw', configClass: GatewayConfig, module: AppModule });
