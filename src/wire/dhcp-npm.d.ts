/** What we use of the npm package `dhcp`: its table of options. The file loads nothing but its tools.js. */
declare module 'dhcp/lib/options.js' {
  const table: {
    readonly opts: Readonly<Record<number, { readonly name: string; readonly type?: string }>>
  }
  export default table
}
