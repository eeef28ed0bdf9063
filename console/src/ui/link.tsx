/** Links of the router in Mantine's style. */
import { Anchor, type AnchorProps, NavLink, type NavLinkProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Plain<P> = P & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof P> & { ref?: Ref<HTMLAnchorElement> };

export const TextLink = createLink((props: Plain<AnchorProps>) => <Anchor {...props} />);
export const MenuLink = createLink((props: Plain<NavLinkProps>) => <NavLink {...props} />);
