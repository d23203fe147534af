/** What the rule refuses and what it lets pass: `node tools/lint/pure-decisions.check.mjs`, a part of `npm run lint`. */
import { RuleTester } from 'eslint';
import { pureDecisions } from './pure-decisions.mjs';

const inMethod = (decide, rest = '') =>
  `class C { m(a) { return this.records.transact(a, WANTED, ${decide}); } ${rest} }`;

new RuleTester().run('pure-decisions', pureDecisions, {
  valid: [
    inMethod('({ x }) => ({ result: x ?? Math.max(1, this.clock.now()), put: { x: rules(x, this.config.life) } })'),
    inMethod('(found) => this.decide(found)', 'decide(found) { return { result: this.own.uri + found.x } }'),
    // what is passed through is checked where it is written
    'class C { transact(a, w, decide) { return this.records.transact(a, w, decide); } }',
    'const other = () => { this.random.bytes(16); }; records.transact(a, w, () => ({ result: 1 }));',
  ],
  invalid: [
    ['an async function', 'async () => ({ result: 1 })'],
    ['randomness', '() => ({ result: this.random.bytes(16) })'],
    ['a transaction in it', '() => ({ result: this.records.transact(b, W, () => ({ result: 1 })) })'],
    ['a call of the Server', '() => ({ result: this.server.keys.get({}) })'],
    ['a log line', '() => { this.logger.info("x"); return { result: 1 }; }'],
    ['a reported step', '() => { emitStep({}); return { result: 1 }; }'],
    ['the system clock', '() => ({ result: Date.now() })'],
    ['a changed field', '() => { this.last = 1; return { result: 1 }; }'],
    ['an effect in a method', '() => this.decide()', 'decide() { return { result: this.random.bytes(1) }; }'],
    ['an effect in a function', 'decide', '} function decide() { return { result: Math.random() }; } class D {'],
  ].map(([name, decide, rest]) => ({ name, code: inMethod(decide, rest), errors: [{ messageId: 'impure' }] })),
});
