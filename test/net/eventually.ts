/** Asks again until the answer is there. Fails with what was waited for when time is up. */
export async function eventually<T>(
  what: string,
  seconds: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`after ${seconds} s still no ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
