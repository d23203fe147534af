import { runDevice } from './run-device';

void runDevice(process).then((code) => process.exit(code));
