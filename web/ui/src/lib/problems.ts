// What went wrong, in the language of the page: by the type of the problem
// (docs/phrases.md), else by its status, with what the server says of it beneath.

import { t } from '@lingui/core/macro'
import { language as chosen } from './locale'

/** Before the code in the type of a problem. */
const prefix = 'urn:wattwerk:problem:'

/** What needs no more words than these. */
const whole: Record<string, () => string> = {
  'sign-in-refused': () => t`The name or the password is wrong.`,
  'link-over': () => t`The link was used already or has expired.`,
  'too-many-attempts': () => t`Too many attempts. Wait a while, then try again.`,
  'passwords-off': () => t`Passwords are not taken here. Sign in at the provider.`,
  'foreign-page': () => t`The page of another web site asked for this, so it was refused.`,
  'last-administrator': () => t`The last administrator has to stay one.`,
  'database-away': () => t`The database does not answer at the moment. Try again.`,
  'bus-full': () => t`The disk of the bus is nearly full, so nothing is taken at the moment.`,
  'bus-away': () => t`The bus does not answer at the moment. Try again.`,
  'module-away': () => t`The part of the program that does this cannot be reached at the moment. Try again.`,
  'module-slow': () => t`The part of the program that does this did not answer in time. It is not known whether it was done.`,
  'module-broke': () => t`The connection broke before there was an answer. It is not known whether it was done.`,
  'backup-running': () => t`Another backup is being made. Try again in a moment.`,
  'period-open': () => t`Not all of the period is settled yet. Look at a preview instead.`,
  'program-fault': () => t`That is a fault of the program. Its log says more.`,
}

/** The kinds of problems, where the server's words say the rest. */
const titles: Record<number, () => string> = {
  400: () => t`The request is not understood.`,
  401: () => t`You are not signed in.`,
  403: () => t`You may not do this.`,
  404: () => t`This is not there.`,
  405: () => t`This is not possible here.`,
  408: () => t`It took too long.`,
  409: () => t`This does not go with what there is.`,
  410: () => t`This is not there any more.`,
  412: () => t`It was changed meanwhile. Load it again.`,
  413: () => t`This is too large.`,
  415: () => t`This format is not taken.`,
  422: () => t`It cannot be taken like this.`,
  428: () => t`It is not said for which version the change is.`,
  429: () => t`Too much at once. Try again in a moment.`,
  500: () => t`That is a fault of the program. Its log says more.`,
  502: () => t`There was no usable answer.`,
  503: () => t`This is not possible at the moment. Try again.`,
  504: () => t`There was no answer in time.`,
}

/** The sentence of a problem; what the server says in English stands beneath it on a page in another language. */
export function problem(status: number, type: string | undefined, said: string, language: string = chosen): string {
  const known = type?.startsWith(prefix) === true ? whole[type.slice(prefix.length)] : undefined
  if (known) return known()
  const title = titles[status]
  return language === 'en' || title === undefined ? said : said === '' ? title() : `${title()}\n${said}`
}
