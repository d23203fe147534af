import { fieldTable, listTable, writeAnswer } from './output';
import { RecordingIo } from './testing/recording-io';

const columns = [{ heading: 'name', cell: ({ name }: { name: string }) => name }];

describe('tables', () => {
  it('has a line per item, and says when there is none', () => {
    const lines = listTable([{ name: 'a' }, { name: 'b' }], columns).split('\n');
    expect(lines.filter((line) => /│ [ab] /.test(line))).toHaveLength(2);
    expect(listTable([], columns)).toBe('none');
  });

  it('lets no answer control the terminal', () => {
    const text = listTable([{ name: 'a\u001b[31m\u0007b' }], columns) + fieldTable([['k', 'v\u009b0m']]);
    const controls = [...text].filter(
      (letter) => letter !== '\n' && (letter < ' ' || (letter >= '\u007f' && letter <= '\u009f')),
    );
    expect(controls).toEqual([]);
    expect(text).toContain('a?[31m?b');
  });
});

describe('writeAnswer', () => {
  it('writes JSON that reads back, or the table', () => {
    const json = new RecordingIo();
    writeAnswer(json, 'json', { user: null, at: 'x' }, () => 'unused');
    expect(JSON.parse(json.written.out)).toEqual({ user: null, at: 'x' });
    const table = new RecordingIo();
    writeAnswer(table, 'table', {}, () => 'the table');
    expect(table.written.out).toBe('the table\n');
  });
});
