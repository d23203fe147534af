import { membershipSuite } from './suite';

membershipSuite({ storeName: 'embedded', rounds: 10, retirement: true });
