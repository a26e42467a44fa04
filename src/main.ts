#!/usr/bin/env node
import { run } from './cli/program.ts'

// npm runs scripts in the checkout; the paths on its command line are relative to the caller.
const { npm_lifecycle_event: script, INIT_CWD: caller } = process.env
if (script === 'rollcall' && caller !== undefined) process.chdir(caller)

process.exitCode = await run(process.argv)
