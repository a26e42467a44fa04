import { stringify } from 'yaml'

/** As cloud-init's PyYAML reads it: in YAML 1.1 a machine called `no` or `on` needs quotes. */
export const yaml = (value: unknown): string => stringify(value, { version: '1.1', lineWidth: 0 })
