/** Bugs that can be planted, one at a time, to see that the fuzzer finds them: `npm run fuzz -- --mutant NAME`. */
import { plantOne, type Mutant } from '../support/plant.ts';

export const mutants: readonly (Mutant & { readonly target: string })[] = [
  {
    name: 'frame-limit-forgotten',
    what: 'a frame may be larger than the limit',
    target: 'frames',
    file: 'node/wire/frame-reader.ts',
    find: /if \(length > this\.#maxBytes\)/,
    replace: 'if (length > 2 ** 40)',
  },
  {
    name: 'binary-before-check',
    what: 'a binary is allocated before its length is compared with what is there',
    target: 'term',
    file: 'term/reader.ts',
    find: /const at = this\.skip\(count\);(\s*)const copy = new Uint8Array\(count\);/,
    replace: 'const copy = new Uint8Array(count);$1const at = this.skip(count);',
  },
  {
    name: 'status-length-unchecked',
    what: 'a status `named:` without a name is read past its end (found by the fuzzer at first)',
    target: 'connection',
    file: 'node/handshake/messages.ts',
    find: /if \(bytes\.length < at \+ 2\) return undefined;/,
    replace: '',
  },
  {
    name: 'port-mapper-entry-unchecked',
    what: 'the length behind the name of an entry is read where none is',
    target: 'epmd-client',
    file: 'node/epmd/codec.ts',
    find: /if \(bytes\.length < nameEnd \+ 2\) return undefined;/,
    replace: '',
  },
  {
    name: 'fragment-off-by-one',
    what: 'the fragment after the next is expected',
    target: 'frames',
    file: 'node/wire/fragments.ts',
    find: /\{ next: id - 1n, /,
    replace: '{ next: id - 2n, ',
  },
  {
    name: 'atom-index-unchecked',
    what: 'an atom of the cache is used without a look whether there is one',
    target: 'term',
    file: 'term/leaf-reader.ts',
    find: /if \(cached === undefined\) this\.malformed\(start, `no atom in the cache under index \$\{index\}`\);/,
    replace: '',
  },
  {
    name: 'empty-list-again-and-again',
    what: 'a list of no elements is read again from its start',
    target: 'term',
    file: 'term/decoder.ts',
    find: /this\.#count\(count, 1\);(\s*for \(let index = 0; index < count; index\+\+\) list\.push)/,
    replace: 'if (count === 0) this.at = start;$1',
  },
  {
    name: 'wrong-error-class',
    what: 'what is no sender of the peer is refused with an error that is not declared',
    target: 'frames',
    file: 'node/wire/control.ts',
    find: /: malformed\(`a signal of \$\{this\.#ends\.peer\} from a process of \$\{pid\.node\}`\);/,
    replace: ': (() => { throw new TypeError("sender"); })();',
  },
  {
    name: 'nodedown-twice',
    what: 'a connection that has ended ends again',
    target: 'connection',
    file: 'node/connection.ts',
    find: /(#down\([^)]*\): void \{\s*)if \(!this\.#open\) return;/,
    replace: '$1',
  },
  {
    name: 'handshake-timer-left',
    what: 'the timer of a handshake stays when it is over',
    target: 'connection',
    file: 'node/handshake/host.ts',
    find: /(#finish\(\): void \{\s*this\.#over = true;\s*)this\.#timer\?\.cancel\(\);/,
    replace: '$1',
  },
  {
    name: 'members-of-others',
    what: 'a node may announce the processes of another as members',
    target: 'groups',
    file: 'groups/groups-core.ts',
    find: /if \(pids\.some\(\(pid\) => pid\.node !== node\)\) \{/,
    replace: 'if (pids.length < 0) {',
  },
];

/** Plants a bug; call it before anything of the library is imported. */
export function plantBug(name: string): void {
  plantOne(mutants, name);
}
