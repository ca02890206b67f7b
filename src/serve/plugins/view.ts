/** `view`: a server block for those requests alone for which an expression is true. */
import type { ViewOptions } from '../../corefile/config.ts';
import type { Handler } from '../chain.ts';
import { compileExpression } from '../expression/parse.ts';
import { REQUEST_NAMES, requestScope } from '../expression/request-names.ts';
import { ExpressionError } from '../expression/values.ts';
import type { FindLabel } from '../labels.ts';

/** @throws OperatorError for an expression that is wrong, or not supported */
export function createView({ name, expressions }: ViewOptions, findLabel: FindLabel): Handler {
  const compiled = expressions.map((text) => compileExpression(text, REQUEST_NAMES));
  return {
    name: 'view',
    // Whether the block is asked is decided before anything is looked for among kept answers.
    isPure: true,
    handle: (request, next) => next(request),
    label: (_, key) => (key === 'view/name' ? name : undefined),
    view: {
      name,
      isChosen(request) {
        const scope = requestScope(request, findLabel);
        try {
          return compiled.every((evaluate) => evaluate(scope) === true);
        } catch (error) {
          // No result: the block is not for this request, as CoreDNS has it.
          if (error instanceof ExpressionError) return false;
          throw error;
        }
      },
    },
  };
}
