/** The entry point of the console: it loads the languages and then the application. */
import '@mantine/core/styles.css';
import './styles.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { startI18n } from './i18n.ts';

await startI18n();
createRoot(document.getElementById('root')!).render(<App />);
