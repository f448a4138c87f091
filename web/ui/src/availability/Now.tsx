// How available services are now: services, their microservices, composites
// and objects.

import { useLingui } from '@lingui/react/macro'
import type { Available, Composite, Microservice } from '../api/availability'
import { percent } from '../lib/format'
import { count } from '../lib/units'
import { ObjectLink, StateMark } from '../objects/words'
import { Panel } from '../part/Panel'
import { ExecMark, MissingSentence, stateOf } from './words'
import classes from './Availability.module.css'

const shownObjects = 30

export function Now({ list, zone }: { list: readonly Available[]; zone: string }) {
  return (
    <div className={classes.services}>
      {list.map((s) => (
        <One key={`${s.domain} ${s.sid}`} service={s} zone={zone} />
      ))}
    </div>
  )
}

function One({ service: s, zone }: { service: Available; zone: string }) {
  const { t } = useLingui()
  const name = s.name === undefined || s.name === '' ? s.sid : `${s.sid} ${s.name}`
  const missing = s.missing ?? []
  const stand = s.substitutions ?? []
  const figures: [string, string, string][] = [
    [t`Strict`, percent(s.strict), t`${count(s.full)} of ${count(s.of)} microservices whole`], [t`Mean`, percent(s.mean), t`share of usable composites`], [t`By quality`, percent(s.quality), t`what values are worth`],
    [t`Link failures`, count(s.linkFailures), t`links that are cut`], [t`Object failures`, count(s.objectFailures), t`objects without a value`], [t`A monolith`, percent(s.coupled), s.series === 1 ? t`would have all of it` : t`would have at most this`],
  ]
  return (
    <Panel title={name} height={120} note={<ExecMark exec={s.exec} />} warning={s.why !== undefined && s.why !== '' ? s.why : undefined}>
      <dl className={classes.figures}>
        {figures.map(([k, v, more]) => (
          <div key={k}>
            <dt>{k}</dt>
            <dd className="ww-number">
              {v}
              <small>{more}</small>
            </dd>
          </div>
        ))}
      </dl>
      {missing.length > 0 && (
        <details className={classes.more} open={s.exec === 'none'}>
          <summary>{t`What is missing, and why: ${count(missing.length + s.more)}`}</summary>
          <ul className={classes.missing} aria-label={t`What ${name} misses`}>
            {missing.map((m, i) => (
              <li key={i}>
                <MissingSentence missing={m} zone={zone} />
              </li>
            ))}
            {s.more > 0 && <li>{t`and ${count(s.more)} more`}</li>}
          </ul>
        </details>
      )}
      {stand.length > 0 && (
        <details className={classes.more}>
          <summary>{t`What stands in: ${count(stand.length)}`}</summary>
          <ul className={classes.missing}>
            {stand.map((x, i) => (
              <li key={i}>
                <StateMark state={x.source} /> {x.by === undefined || x.by === '' ? t`its own earlier values` : <ObjectLink id={x.by} />} {t`for`} <ObjectLink id={x.vo} />, {t`worth ${percent(x.share)}`}
              </li>
            ))}
          </ul>
        </details>
      )}
      {(s.microservices ?? []).length > 0 && (
        <details className={classes.more}>
          <summary>{t`Microservices, composites and objects`}</summary>
          <ul className={classes.microservices} aria-label={t`Microservices of ${name}`}>
            {(s.microservices ?? []).map((m) => (
              <Part key={m.id} microservice={m} />
            ))}
          </ul>
        </details>
      )}
    </Panel>
  )
}

function Part({ microservice: m }: { microservice: Microservice }) {
  const { t } = useLingui()
  return (
    <li data-usable={m.usable} data-partial={m.usable && !m.full}>
      <div className={classes.head}>
        <strong>{m.id}</strong>
        <ExecMark exec={m.full ? 'full' : m.usable ? 'partial' : 'none'} />
      </div>
      <small>
        {t`version ${m.version}`} · {m.up ? t`runs` : t`no instance works`} · {t`${percent(m.fraction)} of its composites`}
      </small>
      <ul className={classes.composites}>
        {(m.composites ?? []).map((c) => (
          <Members key={c.tag} composite={c} />
        ))}
      </ul>
    </li>
  )
}

function Members({ composite: c }: { composite: Composite }) {
  const { t } = useLingui()
  const list = c.objects ?? []
  return (
    <li>
      <div className={classes.head}>
        <span>{c.tag}</span>
        <span>{c.usable ? t`usable, ${count(c.present)} of ${count(c.of)}` : t`not usable, ${count(c.present)} of ${count(c.of)}`}</span>
      </div>
      <ul className={classes.objects}>
        {list.slice(0, shownObjects).map((o, i) => (
          <li key={`${o.object ?? ''} ${i}`}>
            <StateMark state={stateOf(o.source)} />
            {o.object === undefined ? <span>{t`a place without an object`}</span> : <ObjectLink id={o.object} />}
            {o.cut === true && <span className={classes.cut}>{t`link cut`}</span>}
            {o.by !== undefined && o.by !== '' && (
              <span>
                {t`by`} <ObjectLink id={o.by} />
              </span>
            )}
          </li>
        ))}
        {c.of > shownObjects && <li>{t`and ${count(c.of - shownObjects)} more`}</li>}
      </ul>
    </li>
  )
}
