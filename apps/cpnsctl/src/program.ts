import { Command } from 'commander';
import { admitCommand } from './entity/admit';
import { assignCommand } from './entity/assign';
import { resumeCommand, revokeCommand, revokeGatewayCommand, suspendCommand } from './entity/end';
import { listCommand } from './entity/list';
import { showCommand } from './entity/show';
import { describeFailure, EXIT, EXIT_CODE_HELP } from './exit-codes';
import { listGatewaysCommand, showGatewayCommand } from './gateway/gateway';
import { retireGatewayCommand } from './gateway/retire';
import {
  addCommand,
  createCommand,
  deleteCommand,
  listGroupsCommand,
  removeCommand,
  showGroupCommand,
} from './group/group';
import { rotateCommand, versionsCommand } from './group/keys';
import { updateCommand } from './group/update';
import { healthCommand } from './health/health';
import type { Io } from './io';
import { endedCommand, revokeCertificateCommand, revokeOperatorCommand } from './pki/ended';
import { initCommand } from './pki/init';

const family = (name: string, description: string, commands: readonly Command[]): Command => {
  const made = new Command(name).description(description);
  for (const command of commands) made.addCommand(command);
  return made;
};

/** One line, as every other failure. */
const errorLine = (text: string): string =>
  `${text
    .replace(/^error: /, 'cpnsctl: ')
    .trim()
    .replace(/\s*\n\s*/g, ' ')}\n`;

/** What commander says goes where the rest goes, and never ends the process by itself. */
function harness(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: io.out,
    writeErr: io.err,
    outputError: (text, write) => write(errorLine(text)),
  });
  for (const sub of command.commands) harness(sub, io);
}

export function createProgram(io: Io): Command {
  const program = new Command('cpnsctl')
    .description('Operates a CPNS deployment: certificates, entities, gateways, Service Groups.')
    .addCommand(
      family('pki', 'certificates of a trust domain', [
        initCommand(io),
        revokeCertificateCommand(io),
        endedCommand(io),
      ]),
    )
    .addCommand(family('operator', 'those who operate the deployment', [revokeOperatorCommand(io)]))
    .addCommand(
      family('entity', 'PNEs and PN GWs, and their Entity-User Keys', [
        admitCommand(io),
        assignCommand(io),
        listCommand(io),
        showCommand(io),
        revokeCommand(io),
        suspendCommand(io),
        resumeCommand(io),
      ]),
    )
    .addCommand(
      family('gateway', 'PN GWs that have enrolled', [
        listGatewaysCommand(io),
        showGatewayCommand(io),
        revokeGatewayCommand(io),
        retireGatewayCommand(io),
      ]),
    )
    .addCommand(
      family('group', 'Service Groups, their members and their Group Keys', [
        createCommand(io),
        listGroupsCommand(io),
        showGroupCommand(io),
        updateCommand(io),
        addCommand(io),
        removeCommand(io),
        deleteCommand(io),
        versionsCommand(io),
        rotateCommand(io),
      ]),
    )
    .addCommand(healthCommand(io))
    .addHelpText('after', EXIT_CODE_HELP);
  harness(program, io);
  return program;
}

/**
 * Runs a command line.
 * @param args without node and script
 * @returns the exit code; what went wrong was said in one line
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    const { code, line } = describeFailure(error);
    if (line !== '') io.err(`cpnsctl: ${line.replace(/\s*\n\s*/g, ' ')}\n`);
    return code;
  }
}
