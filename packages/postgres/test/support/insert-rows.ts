/** A client process: inserts rows from many connections at once, or reads while others do. */
import { Pool } from '../../src/index.ts';

const [url = '', role = '', count = '0'] = process.argv.slice(2);
await using pool = new Pool({ url, max: 5 });
await Promise.all(
  Array.from({ length: Number(count) }, async (_, number) => {
    if (role === 'read') await pool.query('SELECT count(*) FROM things');
    else await pool.query('INSERT INTO things (writer, number) VALUES ($1, $2)', [role, number]);
  }),
);
process.stdout.write('done\n');
