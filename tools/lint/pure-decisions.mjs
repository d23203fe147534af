/**
 * A decision of `transact` runs again after a lost race: it is a pure function of what was read, of the clock and of what
 * was reserved before (docs/architecture.md, "A request's way"). The rule follows calls to functions and methods of the same file.
 */
const FIELDS = new Set(['clock', 'config', 'own', 'options']);
/** Of `@cpns/telemetry`: what is reported, or opens a step. Reading the trace context is no effect, but belongs before too. */
const EFFECTS = /^(emitStep|withinStep|withStepChain|withTraceparent|withSpan|lastStep|currentTraceparent)$/;
const GLOBALS = new Set(['setTimeout', 'setImmediate', 'setInterval', 'queueMicrotask', 'fetch']);

/** The field of `this` at the root of a chain of members. */
function fieldOf(node) {
  if (node.type !== 'MemberExpression') return undefined;
  return node.object.type === 'ThisExpression' ? node.property.name : fieldOf(node.object);
}

const isFunction = ({ type }) =>
  type === 'ArrowFunctionExpression' || type === 'FunctionExpression' || type === 'FunctionDeclaration';

export const pureDecisions = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { impure: 'A decision of transact is pure: {{ what }} belongs before it (it may run again).' },
  },
  create(context) {
    const { sourceCode } = context;
    const seen = new Set();

    const report = (node, what) => context.report({ node, messageId: 'impure', data: { what } });

    /** The function of this file that an expression names, if it does. */
    function resolve(node, inClass) {
      if (node === undefined || isFunction(node)) return node;
      if (node.type === 'MemberExpression' && node.object.type === 'ThisExpression')
        return inClass?.body.find(({ key }) => key?.name === node.property.name)?.value ?? undefined;
      if (node.type !== 'Identifier') return undefined;
      for (let scope = sourceCode.getScope(node); scope; scope = scope.upper) {
        const definition = scope.set.get(node.name)?.defs[0];
        if (definition === undefined) continue;
        if (definition.type === 'Variable') return definition.node.init ?? undefined;
        return definition.type === 'FunctionName' ? definition.node : undefined;
      }
      return undefined;
    }

    function checkCall(node, inClass) {
      const { callee } = node;
      if (callee.type === 'Identifier') {
        if (EFFECTS.test(callee.name) || GLOBALS.has(callee.name)) return report(node, `${callee.name}()`);
        return check(resolve(callee, inClass), inClass);
      }
      if (callee.type !== 'MemberExpression') return undefined;
      const { object, property } = callee;
      if (object.type === 'ThisExpression') return check(resolve(callee, inClass), inClass);
      if (object.type === 'Identifier' && ['Date', 'Math', 'process', 'console'].includes(object.name)) {
        const isPure = object.name === 'Math' && property.name !== 'random';
        return isPure ? undefined : report(node, `${object.name}.${property.name}()`);
      }
      const field = fieldOf(object);
      return field && !FIELDS.has(field) ? report(node, `this.${field} … ${property.name}()`) : undefined;
    }

    function walk(node, inClass) {
      if (node.type === 'AwaitExpression' || node.type === 'YieldExpression') return report(node, 'waiting');
      if (isFunction(node) && node.async) return report(node, 'an async function');
      if (node.type === 'CallExpression') checkCall(node, inClass);
      if (node.type === 'AssignmentExpression' && node.left.type === 'MemberExpression') report(node, 'an assignment');
      for (const key of sourceCode.visitorKeys[node.type] ?? [])
        for (const child of [node[key]].flat()) if (child) walk(child, inClass);
      return undefined;
    }

    function check(fn, inClass) {
      if (fn === undefined || fn === null || !isFunction(fn) || seen.has(fn)) return;
      seen.add(fn);
      walk(fn, inClass);
    }

    const classOf = (node) => sourceCode.getAncestors(node).findLast(({ type }) => type === 'ClassBody');

    return {
      'CallExpression[callee.property.name="transact"]'(node) {
        const inClass = classOf(node);
        check(resolve(node.arguments[2], inClass), inClass);
      },
    };
  },
};
