import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/devices.css';
import './styles/device.css';
import './styles/cluster.css';
import { App } from './App.tsx';
import { connect } from './feed.ts';

const root = document.getElementById('app');
if (root) render(<App />, root);
connect();
