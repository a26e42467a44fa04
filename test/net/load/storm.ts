import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import type { Namespace } from '../lab.ts'
import { nodeBinary } from '../lab-rollcall.ts'
