import type { BootstrapTokenId, BootToken } from '../core/boot-token.ts'
import type { BootId } from '../values/ids.ts'

/** Bootstrap tokens by their boot and by their id. */
export class BootTokenIndex {
  readonly #byBoot = new Map<BootId, BootToken>()
  readonly #boots = new Map<BootstrapTokenId, Set<BootId>>()

  get(boot: BootId): BootToken | undefined {
    return this.#byBoot.get(boot)
  }

  /** The oldest boot's first. */
  withId(id: BootstrapTokenId): readonly BootToken[] {
    const boots = [...(this.#boots.get(id) ?? [])].sort()
    return boots.flatMap((boot) => this.#byBoot.get(boot) ?? [])
  }

  all(): Iterable<BootToken> {
    return this.#byBoot.values()
  }

  put(token: BootToken): void {
    this.delete(token.boot)
    this.#byBoot.set(token.boot, token)
    if (token.id === undefined) return
    const boots = this.#boots.get(token.id)
    if (boots) boots.add(token.boot)
    else this.#boots.set(token.id, new Set([token.boot]))
  }

  delete(boot: BootId): void {
    const id = this.#byBoot.get(boot)?.id
    this.#byBoot.delete(boot)
    if (id === undefined) return
    const boots = this.#boots.get(id)
    boots?.delete(boot)
    if (boots?.size === 0) this.#boots.delete(id)
  }
}
