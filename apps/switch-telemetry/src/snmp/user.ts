import snmp from 'net-snmp';
import type { UserAccess } from '../inventory/device.ts';

/** A user of SNMPv3 as net-snmp wants it, on either side. */
export function snmpUser({ user, auth, priv }: UserAccess): snmp.User {
  return {
    name: user,
    level: priv ? snmp.SecurityLevel.authPriv : auth ? snmp.SecurityLevel.authNoPriv : snmp.SecurityLevel.noAuthNoPriv,
    ...(auth && { authProtocol: snmp.AuthProtocols[auth.protocol], authKey: auth.key }),
    ...(priv && { privProtocol: snmp.PrivProtocols[priv.protocol], privKey: priv.key }),
  };
}
