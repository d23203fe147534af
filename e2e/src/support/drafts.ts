export * from '@cpns/testing/bad-input';
