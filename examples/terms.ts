/** Erlang's terms in TypeScript: made, read and taken apart. What each value becomes on the wire: docs/terms.md. */
import {
  atom,
  atomMap,
  float,
  formatTerm,
  isAtom,
  isTuple,
  keyword,
  mapGet,
  struct,
  toPlain,
  tuple,
} from 'beamish/term';
import type { Term } from 'beamish/term';

/** What an Elixir function answers: `{:ok, %{id: 7, price: 1.0, tags: [:new]}}` or `{:error, reason}`. */
const answer: Term = tuple(atom('ok'), atomMap({ id: 7, price: float(1), tags: [atom('new')] }));

// By hand: the compiler knows after `isTuple` that there are two elements.
if (isTuple(answer, 2) && isAtom(answer.at(0), 'ok')) {
  const order = answer.at(1);
  if (order instanceof Map) console.log('id', mapGet(order, atom('id')));
}

// As plain data, for a template, JSON or a schema. It cannot be sent back as what it was.
console.log(JSON.stringify(toPlain(answer)));

// What a message to Elixir looks like: the left side prints as Erlang writes it.
const options = keyword({ timeout: 5000, async: true });
console.log(formatTerm(tuple(atom('fetch'), 'http://host/', options)));
console.log(formatTerm(struct('Elixir.URI', { host: 'host', port: 80 })));

// prints:
// id 7
// ["ok",{"id":7,"price":1,"tags":["new"]}]
// {fetch,<<"http://host/">>,[{timeout,5000},{async,true}]}
// #{'__struct__' => 'Elixir.URI',host => <<"host">>,port => 80}
