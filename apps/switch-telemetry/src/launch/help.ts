export const helpText = `npm start: Switch Telemetry, a whole cluster on this machine

Starts, each as a process of its own: a database (embedded PostgreSQL), a simulated network of 24 switches,
two collectors and two web nodes. Prints what runs where and the address of the page. Ctrl-C ends everything.

Arguments:
  --json           events for programs, one JSON object a line, in place of the table

Variables:
  PORT             first port of the web nodes; the second takes the next (default 4000; 0: any free ones)
  HTTP_HOST        the address they bind (default 127.0.0.1)
  PHX_HOST         the public name of the page, when it is not localhost
  INVENTORY        JSON file of real devices, in place of the simulated network
  POLL_INTERVAL    ms between two polls of a device (default 1000)
  DATABASE_URL     postgres://..., in place of the embedded database
  RETENTION_DAYS   how long samples are kept (default 7)
  DATA_DIR         where everything is kept (default .data in the repository)
  RELEASE_COOKIE   the cluster's secret (default: made once for the data directory)
  ERL_EPMD_PORT    port of the port mapper (default: a free one, kept for the data directory)
  SECRET_KEY_BASE  the web nodes' secret, at least 64 characters (default: made once)
  LOG_LEVEL        trace, debug, info, warn, error or fatal (default info)
  SIMULATOR_FAULTS off: no simulated switch reboots or goes silent

An inventory:
  { "devices": [
    { "id": "core-1", "address": "10.0.0.1:161", "version": "2c", "community": "public" },
    { "id": "core-2", "address": "10.0.0.2:161", "version": "3", "user": "telemetry",
      "authProtocol": "sha256", "authKey": "at least 8", "privProtocol": "aes", "privKey": "at least 8" }
  ] }`;
