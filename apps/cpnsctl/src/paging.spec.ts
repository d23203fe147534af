import { allPages } from './paging';

describe('allPages', () => {
  it('asks with the token of the page before, until there is none', async () => {
    const pages: Record<string, { items: number[]; nextPageToken: string }> = {
      '': { items: [1, 2], nextPageToken: 'x' },
      x: { items: [], nextPageToken: 'y' },
      y: { items: [3], nextPageToken: '' },
    };
    const asked: string[] = [];
    const all = await allPages((token) => {
      asked.push(token);
      return Promise.resolve(pages[token] ?? { items: [], nextPageToken: '' });
    });
    expect(all).toEqual([1, 2, 3]);
    expect(asked).toEqual(['', 'x', 'y']);
  });
});
