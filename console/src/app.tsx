/**
 * Theme, data and routes. Styles that are made at run time carry the nonce that the service put into the index; the
 * content security policy allows them only with it.
 */
import { Badge, createTheme, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useState } from 'react';
import { createQueries } from './api/queries.ts';
import { createConsoleRouter } from './router.tsx';

const theme = createTheme({
  primaryColor: 'teal',
  primaryShade: { light: 9, dark: 7 },
  autoContrast: true,
  fontFamily: 'system-ui, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", sans-serif',
  headings: { fontWeight: '600' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: { Badge: Badge.extend({ defaultProps: { variant: 'light' } }) },
});

function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? '';
}
// The library that locks scrolling behind a dialog makes its own style element, and looks here for the nonce.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

export function App() {
  const [queries] = useState(createQueries);
  const [router] = useState(createConsoleRouter);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
