export { checkHealth, type HealthStatus } from '@cpns/grpc';
