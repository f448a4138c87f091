// What the doctor finds, in the language of the page: by the name of its rule,
// with what the rule put in. A rule that is not known is said as it came; a
// test holds this page to the rules there are.

import { useLingui } from '@lingui/react/macro'
import type { Finding } from '../api/generated/types.gen'
import { Given } from '../lib/given'
import { lasting } from '../lib/units'

export interface Said {
  what: string
  why: string
  do: string
}

export function useFindings(): (f: Finding) => Said {
  const { t } = useLingui()
  const some = (g: Given, name: string) => (g.number('more') > 0 ? t`${g.list(name)} and ${g.count('more')} more` : g.list(name))
  const limit = t`Raise the limit: LimitNOFILE=65536 in the systemd unit, or ulimit -n.`
  const work = (g: Given) => {
    const module = g.text('module')
    const pieces = g.text('pieces')
    if (g.text('noun') === '') return t`the work of ${module}`
    if (pieces === '') return t`${g.count('of')} pieces of ${module}`
    return t`the pieces ${pieces} of ${module}`
  }
  const things: Record<string, string> = {
    'the database of alerts': t`the database of alerts`, 'the database of users': t`the database of users`, 'the database of settled windows': t`the database of settled windows`, 'the store of the history': t`the store of the history`,
  }
  const rules: Record<string, (g: Given) => Said> = {
    'settings-unusable': (g) => ({
      what: t`The settings cannot be used: ${g.error()}`, why: t`The program does not start with them.`, do: t`Mend what the sentence names; “wattwerk config” shows every setting there is.`,
    }),
    'settings-suspicious': (g) => ({ what: g.error('warning'), why: t`It works, and may not be meant.`, do: t`Change the setting, or leave it if it is meant.` }),
    'format-unknown': (g) => ({
      what: t`The data directory does not say in which format it is: ${g.error()}`, why: t`No version of the program opens it.`, do: t`Restore a backup into an empty directory.`,
    }),
    'restore-unfinished': () => ({
      what: t`A backup was not restored to its end, so what is in the data directory is not whole.`, why: t`This program refuses to start on it.`, do: t`Restore the backup again; what is there of it is removed first.`,
    }),
    'data-newer': (g) => ({
      what: t`The data was written by wattwerk ${g.text('program')} in format ${g.text('format')}; this program reads formats up to ${g.text('known')}.`,
      why: t`This program refuses to start on it.`, do: t`Run that version, or restore a backup that was made before the upgrade.`,
    }),
    'secret-readable': (g) => ({
      what: t`Others than its owner may read ${g.text('path')} (mode ${g.text('mode')}).`, why: t`There is a secret in it.`, do: `chmod go= ${g.text('path')}`,
    }),
    'disk-full': (g) => ({
      what: t`The disk of ${g.text('path')} has ${g.bytes('free')} free, and readings are refused below ${g.bytes('minFree')}.`, why: t`Senders are told to try again; those without a memory of their own lose readings.`,
      do: t`Make room on the disk; everything goes on by itself. Delete no files below the data directory by hand.`,
    }),
    'disk-nearly-full': (g) => ({
      what: t`The disk of ${g.text('path')} has ${g.bytes('free')} of ${g.bytes('size')} free.`, why: t`Below ${g.bytes('minFree')} readings are refused, and merging blocks of the history needs room for a copy.`,
      do: t`Make room, or keep readings for a shorter time (history.retention).`,
    }),
    'open-files': (g) => ({ what: t`${g.count('open')} of ${g.count('limit')} files that may be open are open.`, why: t`At the limit no connection is accepted and no file of the history opened.`, do: limit }),
    'open-files-limit': (g) => ({ what: t`At most ${g.count('limit')} files may be open.`, why: t`The history holds many files open, and every sender is one more.`, do: limit }),
    memory: (g) => ({
      what: t`${g.bytes('used')} of ${g.bytes('limit')} of memory are in use.`, why: t`At the limit the system ends the process.`,
      do: t`Give it more, run the modules in several processes, or flush more often (history.flush_every).`,
    }),
    'bus-away': () => ({
      what: t`There is no connection to the bus.`, why: t`Nothing is taken in, summed or stored until it is back.`, do: t`Look whether NATS runs and can be reached from here; the process connects again by itself.`,
    }),
    'bus-mute': (g) => ({
      what: t`The bus does not answer: ${g.error()}`, why: t`Without a leader for its streams nothing is stored.`, do: t`Look whether more than half of the NATS nodes are up and reach each other.`,
    }),
    'bus-full': () => ({ what: t`Readings are refused for want of room on the disk.`, why: t`Senders are told to try again.`, do: t`Make room on the disk of the bus.` }),
    'no-leader': (g) => ({
      what: t`These streams have no leader: ${some(g, 'streams')}.`, why: t`Nothing is stored in them; what belongs there is refused.`, do: t`Bring NATS nodes back until more than half of those that hold them are up.`,
    }),
    'replica-away': (g) => ({
      what: t`These copies are on nodes that are away: ${some(g, 'copies')}.`, why: t`One more node less, and nothing is stored there.`, do: t`Bring the node back; it catches up by itself.`,
    }),
    'replica-behind': (g) => ({
      what: t`These copies are behind: ${some(g, 'copies')}.`, why: t`Until they have caught up they are no protection.`, do: t`Wait some minutes and look again; if it does not shrink look at that node's disk and network.`,
    }),
    'one-copy': (g) => ({
      what: t`The bus is a cluster of ${g.count('nodes')} nodes, and streams have no further copy.`, why: t`When the node that has it is away its partitions stand still; when its disk is gone so is what was in them.`,
      do: t`Set bus.replicas to 3 in every process.`,
    }),
    'bus-unsynced': () => ({
      what: t`Readings are accepted before they are on the disk (bus.sync is off).`, why: t`A power cut loses what was accepted in the last seconds.`, do: t`Switch bus.sync on, unless losing some seconds does not matter.`,
    }),
    'clocks-apart': (g) => {
      const apart = lasting(Math.abs(g.number('seconds')))
      return {
        what: g.number('seconds') > 0 ? t`The clock of this machine is ${apart} ahead of that of the bus.` : t`The clock of this machine is ${apart} behind that of the bus.`,
        why: t`Readings without a time get a wrong one, and changes of the model come into force early or late.`, do: t`Run a time service (chrony, systemd-timesyncd) on both machines.`,
      }
    },
    unanswered: (g) => ({
      what: t`No answer of ${things[g.text('what')] ?? g.text('what')}: ${g.error()}`, why: t`What needs it fails or waits until it is back; the bus keeps what cannot be stored.`, do: t`Look whether it runs and can be reached from here.`,
    }),
    'meter-unreadable': (g) => ({
      what: t`Meter ${g.text('meter')} at ${g.text('address')} cannot be read: ${g.error()}`, why: t`Its sensors are silent. Counters bridge the gap in energy once they are read again; power does not.`,
      do: t`Look at the cable, the optical head and the address; “wattwerk meter read” tries it by hand once this process does not use the port. It is tried again at least once a minute.`,
    }),
    'service-unavailable': (g) => ({
      what: t`It cannot be carried out: ${g.text('service')}. ${g.error('reason')}`, why: t`Whoever asks for it gets no answer; work for a time that was named waits until its data are back.`,
      do: t`Repair what is missing first: ${some(g, 'missing')}. The page of availability ranks objects by what hangs on them.`,
    }),
    'nobody-reads': (g) => ({
      what: t`No process runs the module ${g.text('module')}, and the bus keeps everything for it.`, why: t`Its partitions have no owner; what comes in goes no further, and the disk of the bus fills.`,
      do: t`Start a process with it (wattwerk run --modules ${g.text('module')}), or take it off bus.readers in every process.`,
    }),
    'pieces-unowned': (g) => ({
      what: t`Nobody does ${work(g)}, although there is who could: ${some(g, 'takers')}.`, why: t`What comes in for it waits on the bus, and the sums or answers that need it wait with it.`,
      do: t`Look at the logs of these processes for what they say of claims; restart one of them, or start another.`,
    }),
    'share-uneven': (g) => ({
      what: t`${g.text('process')} does ${g.count('has')} of ${work(g)}; among ${g.count('processes')} processes ${g.count('even')} would be its part.`, why: t`It falls behind first, while the others have less to do than they could.`,
      do: t`Shares become even within seconds. If they stay like this, look at the logs of those that should take their part (${some(g, 'others')}), and restart them.`,
    }),
    'reader-stopped': (g) => ({
      what: t`${g.text('reader')} has noted nothing as safe for ${g.lasting('seconds')}, on the partitions ${some(g, 'partitions')}.`, why: t`It has stopped, or cannot write; the bus keeps everything since then.`,
      do: t`Look for it in the logs of the processes that run it; see WattwerkPartitionWithoutReader in docs/operating.md.`,
    }),
    'reader-behind': (g) => ({
      what:
        g.text('by') === ''
          ? t`${g.text('reader')} is behind: messages waiting: ${g.count('messages')}, the oldest on partition ${g.text('partition')} for ${g.lasting('seconds')}.`
          : t`${g.text('reader')} is behind: messages waiting: ${g.count('messages')}, the oldest on partition ${g.text('partition')} for ${g.lasting('seconds')}, read by ${g.text('by')}.`,
      why: t`What it gives is that old. Nothing is lost.`, do: t`After a pause wait and look again. If it grows: more processors or another instance for aggregate, a faster disk for history.`,
    }),
    'ticks-delayed': (g) => ({
      what: t`The newest sums of the hierarchy ${g.text('hierarchy')} are ${g.lasting('seconds')} old.`, why: t`The page and all who ask for the present see that moment.`,
      do: t`If no sensor of it sends, that is the reason; else see whether aggregate is behind.`,
    }),
    'late-readings': (g) => ({
      what: t`${g.count('records')} records have come after their tick was closed, since the process started.`, why: t`They are in the history and not in the sums.`,
      do: t`Set the clocks of the meters, or aggregate.grace to as long as their gateway collects.`,
    }),
    'dead-letters': (g) => ({
      what: t`Readings or deliveries refused in the last hour: ${g.flag('atLeast') ? t`at least ${g.count('count')}` : g.count('count')}; ${g.count('of')} of them from ${g.text('source')}, because: ${g.error('reason')}`,
      why: t`They are in no history and in no sum.`, do: t`Mend the cause at the sender; what was offered stands under Intake. Then send it again.`,
    }),
    'settling-behind': (g) => ({
      what: t`Energies are settled up to ${g.lasting('seconds')} ago; ${g.lasting('usual')} is usual.`, why: t`Reports, costs and budgets end there.`,
      do: t`Look for errors of the component settlement in the logs: the database of settled windows or the history may be away, or too slow.`,
    }),
    'settling-again': (g) => ({
      what: t`${g.count('ranges')} ranges wait to be settled again.`, why: t`Late readings, corrections and changes of the model are in no report until then.`,
      do: t`Wait if a file was imported or the model changed a moment ago. Otherwise sensors keep sending late readings: look at their links and clocks.`,
    }),
    'alerts-untold': (g) => ({
      what: t`Messages about alerts wait for ${g.text('sink')}: ${g.count('messages')}, for ${g.lasting('seconds')}. ${g.error()}`, why: t`Nobody is told of what is wrong.`,
      do: t`Mend the sink or its address in the settings; it can be tried on the page of alerts.`,
    }),
    'sensors-ahead': (g) => ({
      what: t`The clocks of these sensors are ahead: ${some(g, 'sensors')}.`, why: t`Their readings stand at times that have not been, and what comes in the right order later may be refused.`,
      do: t`Set the clocks of the meters or of their gateway.`,
    }),
    'sensors-silent': (g) => ({
      what: t`Silent for longer than may be: ${some(g, 'sensors')}.`, why: t`They have no value; the coverage of their groups says so.`, do: t`Look at the meters, their gateway, and the token or certificate they send with.`,
    }),
    'sensors-never': (g) => ({
      what: t`In the model, and no reading ever came: ${some(g, 'sensors')}.`, why: t`Their groups are never whole.`, do: t`Look for their names among the unassigned sensors: a letter may differ.`,
    }),
    'versions-mixed': (g) => ({
      what: t`Different versions work side by side: ${some(g, 'versions')}.`, why: t`That is meant for the minutes of an upgrade.`, do: t`End the upgrade: replace the program everywhere and start the processes anew.`,
    }),
  }
  /** What has nothing of the installation in its sentences. */
  const plain = new Set(['bus-away', 'bus-full', 'bus-unsynced'])
  return (f) => {
    const says = rules[f.rule]
    // An older program says less than is needed here.
    return says === undefined || (f.params === undefined && !plain.has(f.rule)) ? f : says(new Given(f.params ?? {}))
  }
}
