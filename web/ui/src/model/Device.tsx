// Another meter takes over: what the old one said last, what the new one
// says first, and when.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, NumberInput, Stepper, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Known } from '../api/client'
import type { Sensor } from '../api/generated/types.gen'
import { replaceDevice } from '../api/model'
import { text, unitOf } from '../lib/format'
import { time } from '../lib/time'
import { read, written } from '../lib/wall'
import type { Edits } from './edits'

interface Props {
  sensor: Known<Sensor>
  zone: string
  edits: Edits
  onClose: () => void
}

export function Device({ sensor, zone, edits, onClose }: Props) {
  const { t } = useLingui()
  const [step, setStep] = useState(0)
  const [at, setAt] = useState(() => written(Date.now(), zone))
  const [oldEnd, setOldEnd] = useState<number | string>('')
  const [serial, setSerial] = useState('')
  const [description, setDescription] = useState('')
  const [newStart, setNewStart] = useState<number | string>('')
  const unit = unitOf(sensor.quantity)
  const name = sensor.name ?? sensor.id
  const last = (sensor.devices ?? []).at(-1)
  const begun = read(at, zone)
  const finish = async () => {
    const ok = await edits.run({
      label: t`Replaced the device of ${name}`,
      plan: () => ({}),
      send: () =>
        replaceDevice(sensor.id, {
          serial, description,
          ...(begun === undefined ? {} : { at: new Date(begun).toISOString() }),
          ...(typeof oldEnd === 'number' ? { oldEnd } : {}),
          ...(typeof newStart === 'number' ? { newStart } : {}),
        }),
    })
    if (ok) onClose()
  }
  const said = (v: number | string) => (typeof v === 'number' ? text(v, unit) : t`not noted`)
  return (
    <Modal opened onClose={onClose} title={t`Replace the device of ${name}`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <Stepper active={step} onStepClick={setStep} size="xs" allowNextStepsSelect={false}>
        <Stepper.Step label={t`The old device`}>
          <p>{last?.serial === undefined ? t`Read the old device before it goes.` : t`Read the old device ${last.serial} before it goes.`}</p>
          <NumberInput label={t`Its last reading`} suffix={unit === '' ? '' : ` ${unit}`} value={oldEnd} onChange={setOldEnd} hideControls data-autofocus description={t`In ${unit}; leave it empty if it is not known. The energy between the devices is then not measured.`} />
          <TextInput mt="sm" type="datetime-local" label={t`When the new one took over`} description={t`Times of ${zone}`} value={at} onChange={(e) => setAt(e.currentTarget.value)} />
        </Stepper.Step>
        <Stepper.Step label={t`The new device`}>
          <TextInput label={t`Serial number`} value={serial} onChange={(e) => setSerial(e.currentTarget.value)} data-autofocus />
          <TextInput mt="sm" label={t`Make and type`} value={description} onChange={(e) => setDescription(e.currentTarget.value)} />
          <NumberInput mt="sm" label={t`Its first reading`} suffix={unit === '' ? '' : ` ${unit}`} value={newStart} onChange={setNewStart} hideControls />
        </Stepper.Step>
        <Stepper.Step label={t`Look again`}>
          <dl>
            <dt>{t`Takes over`}</dt>
            <dd>{begun === undefined ? t`now` : time(begun, zone, 'exact')}</dd>
            <dt>{t`Last reading of the old device`}</dt>
            <dd>{said(oldEnd)}</dd>
            <dt>{t`New device`}</dt>
            <dd>{[serial, description].filter((x) => x !== '').join(', ') || t`not noted`}</dd>
            <dt>{t`Its first reading`}</dt>
            <dd>{said(newStart)}</dd>
          </dl>
          <p>{t`The sensor keeps its identity and its history.`}</p>
        </Stepper.Step>
      </Stepper>
      <Group justify="flex-end" mt="md">
        {step > 0 && <Button variant="default" onClick={() => setStep(step - 1)}>{t`Back`}</Button>}
        {step < 2 ? <Button onClick={() => setStep(step + 1)} disabled={begun === undefined}>{t`Next`}</Button> : <Button loading={edits.busy} onClick={() => void finish()}>{t`Replace`}</Button>}
      </Group>
    </Modal>
  )
}
