/** Every place between two steps of a release. */
export const faultPoints = [
  'asked', // the request is here, nothing was decided
  'claim decided', // in memory, not on the disk
  'claim durable', // on the disk, no octet has left
  'answer made', // the answer is about to be written
  'answer gone', // it was written, or the connection broke
  'sent decided',
  'sent durable',
] as const
export type FaultPoint = (typeof faultPoints)[number]
