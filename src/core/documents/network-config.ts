/**
 * NoCloud `network-config`: empty, so that the image decides. Its systemd-networkd asks DHCP on every
 * NIC; a document from here would pin one NIC and rename none. It must exist all the same: a 404 costs
 * a machine ten seconds.
 */
export const networkConfig = (): string => ''
