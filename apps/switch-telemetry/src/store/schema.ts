import { createTimeTable, type Migration } from '@beamish/postgres';

/** Never edit one that was released: add another. */
export const migrations: readonly Migration[] = [
  {
    id: '1-devices-and-samples',
    up: async (client) => {
      await client.query(`
        CREATE TABLE devices (
          id text PRIMARY KEY,
          address text NOT NULL,
          version text NOT NULL CHECK (version IN ('2c', '3')),
          access jsonb NOT NULL, -- as in the inventory: community, or user and keys
          updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE interfaces (
          device text NOT NULL,
          interface int NOT NULL, -- ifIndex
          name text NOT NULL,
          alias text NOT NULL,
          speed double precision NOT NULL, -- bits per second
          PRIMARY KEY (device, interface)
        )`);
      // No foreign keys: samples of a device that was taken out of the inventory stay until they are too old.
      await createTimeTable(
        client,
        'samples',
        `device text NOT NULL,
         interface int NOT NULL,
         at timestamptz NOT NULL, -- when the poll was due
         in_octets numeric(20, 0) NOT NULL,
         out_octets numeric(20, 0) NOT NULL,
         in_errors bigint NOT NULL,
         out_errors bigint NOT NULL,
         in_bps double precision,
         out_bps double precision,
         oper_up boolean NOT NULL,
         owner text NOT NULL,
         PRIMARY KEY (device, interface, at)`,
        'at',
      );
    },
  },
];
