// The words of states and roles, and marks for them.

import { useLingui } from '@lingui/react/macro'
import type { Desired, ModelKind, Observed, ProcessorType } from '../api/manifests'
import classes from './Manifests.module.css'

export type Known = Observed | Desired

export function useStateNames(): Record<Known, string> {
  const { t } = useLingui()
  return {
    CREATED: t`created`, STARTING: t`starting`, RUNNING: t`running`, PAUSED: t`paused`, STOPPING: t`stopping`, STOPPED: t`stopped`, FAILED: t`failed`, DEGRADED: t`degraded`,
    running: t`shall run`, paused: t`shall pause`, stopped: t`shall stand`,
  }
}

const looks: Record<Known, 'good' | 'bad' | 'warn' | 'quiet'> = {
  CREATED: 'quiet', STARTING: 'warn', RUNNING: 'good', PAUSED: 'warn', STOPPING: 'warn', STOPPED: 'quiet', FAILED: 'bad', DEGRADED: 'bad', running: 'quiet', paused: 'quiet', stopped: 'quiet',
}

export function StateMark({ state }: { state: Known }) {
  const names = useStateNames()
  return (
    <span className={classes.mark} data-look={looks[state]}>
      {names[state]}
    </span>
  )
}

export function useRoles(): Record<ProcessorType['role'], string> {
  const { t } = useLingui()
  return { preprocessor: t`Preparing`, analytics: t`Analytics`, storage: t`Storing` }
}

export function useKinds(): Record<ModelKind, string> {
  const { t } = useLingui()
  return {
    sources: t`Data sources`, 'source-definitions': t`Source definitions`, interfaces: t`Data interfaces`, kinds: t`Data kinds`, gateways: t`Edge gateways`, definitions: t`Processor definitions`,
    consumers: t`Data consumers`, channels: t`Data channels`, manifests: t`Manifests`,
  }
}
