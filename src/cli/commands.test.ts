/** `hikyaku help COMMAND` explains every option of the command, and no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, helpOf } from './commands.ts';
import { OPTION_WORDS } from './option-words.ts';

const optionsIn = (text: string) => new Set(text.match(/--[A-Za-z-]+/g));

for (const [name, command] of Object.entries(commands))
  test(`help ${name} explains each option of its usage line`, () => {
    const explained = Object.keys(OPTION_WORDS[name] ?? {});
    const options = explained.filter((word) => word.startsWith('--'));
    assert.deepEqual(new Set(options), optionsIn(command.usage));
    const help = helpOf(name, command);
    assert.ok(help.startsWith(`hikyaku ${name}: ${command.summary}\nusage: hikyaku ${name}`));
    for (const word of explained) {
      assert.match(help, new RegExp(`^  ${word} {2,}\\S.{8}`, 'm'), word);
      if (!word.startsWith('--'))
        assert.match(command.usage, new RegExp(`(?:^|[ |\\[])${word}(?:$|[ |\\]])`), word);
    }
  });

test('only commands that exist are explained, and queue explains its actions', () => {
  for (const name of Object.keys(OPTION_WORDS)) assert.ok(name in commands, name);
  const [, actions] = /^\[([a-z|]+)\]/.exec(commands['queue']!.usage)!;
  for (const action of actions!.split('|')) assert.ok(action in OPTION_WORDS['queue']!, action);
});
